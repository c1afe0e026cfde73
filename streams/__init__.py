"""What everything else is made of: the lifecycle, the messages, their bytes, the topics, the settings."""
