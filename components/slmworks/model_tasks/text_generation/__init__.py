"""`text-generation`: an answer to a conversation, or text that goes on."""
