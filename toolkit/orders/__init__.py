"""What an order is: intents, facts about them, the state they add up to, and the reports it yields."""
