"""What a lesson lets a widget see."""
