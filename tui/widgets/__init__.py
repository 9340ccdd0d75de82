"""The material of screens: tables, spans, figures, bands, dialogs."""
