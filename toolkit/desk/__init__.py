"""What a quant touches: the desk, orders from a frame, and the live blotter."""
