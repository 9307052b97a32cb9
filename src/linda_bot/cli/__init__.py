"""What a person types; errors become exit codes here."""
