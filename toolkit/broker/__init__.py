"""Tell Interactive Brokers: the only folder that imports ib_async."""
