"""Retrieval-augmented generation: passages of documents, found for a question and put before it.

It stands alone but for numpy, onnxruntime and tokenizers: every release of a generator carries it.
"""
