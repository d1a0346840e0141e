"""The bell: the inbox and the live socket. It only listens; nothing below knows that it is there."""
