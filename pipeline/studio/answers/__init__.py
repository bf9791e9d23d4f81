"""What the endpoints answer, as models: the OpenAPI page and the types of the page are made from them."""
