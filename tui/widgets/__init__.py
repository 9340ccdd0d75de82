"""What screens are made of: tables, spans, figures, bands, dialogs."""
