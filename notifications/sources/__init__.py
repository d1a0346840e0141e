"""The bell: how events of the rooms below become messages. One file per room."""
