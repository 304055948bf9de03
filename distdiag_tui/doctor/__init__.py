"""What a user might lack, and how to mend it: looks, and changes nothing."""
