"""Presets and jobs: from YAML to a checked job and its graph of steps.

Nothing is imported here, so that what needs only `document_model` or `shipped` stays light.
"""
