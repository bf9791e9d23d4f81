"""From YAML to a checked job: read, explained, filled in, wired.

Nothing is imported here, so that what needs only `model` or `shipped` stays light.
"""
