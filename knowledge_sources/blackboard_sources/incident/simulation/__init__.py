"""A made-up distributed shop: its services, what they suffer, and what their metrics then show."""
