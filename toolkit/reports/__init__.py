"""
What happened, in pandas: frames of orders and fills, what they cost, and pictures of them.

Read ``frames`` and ``session`` (what the journal tells), then ``tca`` (what it cost), then ``plots``.
"""
