"""Running commands for messages: workers, pipes, paced redrives."""
