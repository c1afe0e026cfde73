"""State: orders and their histories in Cassandra, users in the notification worker's table."""
