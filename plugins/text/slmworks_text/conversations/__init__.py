"""Conversations: from the shapes in which files hold them to messages and an answer, each turn checked."""
