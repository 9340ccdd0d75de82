"""Options and previews that commands share."""
