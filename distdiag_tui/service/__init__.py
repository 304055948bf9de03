"""What a person can ask for, whichever face they use; the safety rules live here."""
