"""The terminal face. Panes take a snapshot and draw it; they do no I/O."""
