"""The blackboard server: independent agents solve a problem together on one shared, durable board."""
