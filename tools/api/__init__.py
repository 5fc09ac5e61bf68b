"""The published contract of the worker: OpenAPI 3.1 and JSON Schemas, made of the field table."""
