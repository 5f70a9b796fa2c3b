"""The main flow: intents in, orders out, reports back."""
