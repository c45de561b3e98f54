"""What model servers send, read without input or output: bytes and JSON in, structs out.

Everything here is foreign: no reader raises for what a server wrote, it gives a Completion or says what is wrong.
"""
