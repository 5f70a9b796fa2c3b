"""What must not be forgotten: every fact and report, durable before anything is done about it."""
