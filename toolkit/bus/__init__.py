"""Where intents are heard and reports are told: Kafka, or one file with the same semantics."""
