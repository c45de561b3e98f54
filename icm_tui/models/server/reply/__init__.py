"""Reads what model servers send, without input or output: bytes and JSON in, structs out.

Everything here is foreign, so no reader raises an exception: it returns a Completion or says what is wrong.
"""
