"""What happened, in pandas: frames of orders and fills, what they cost, and pictures of them."""
