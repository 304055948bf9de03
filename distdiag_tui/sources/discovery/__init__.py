"""What a cluster says of itself: asked for again and again, assembled, and compared with what it was."""
