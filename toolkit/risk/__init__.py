"""May it go? Pure decisions on intents, and the gate that records them."""
