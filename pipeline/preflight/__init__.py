"""What is looked at before anything is uploaded or paid for."""
