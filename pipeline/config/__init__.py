"""Presets and jobs: from YAML to a checked job and its graph of steps.

Nothing is imported here, so that code that needs only `checked_job` or `shipped` stays light.
"""
