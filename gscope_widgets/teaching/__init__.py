"""What a teacher needs: the tutorials and their variants, links to them, a pack for a class."""
