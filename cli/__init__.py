"""The `lacak` command, a file a command. Settings are read here, and handed in from here."""
