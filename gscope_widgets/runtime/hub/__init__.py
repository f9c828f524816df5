"""The Hugging Face Hub: what a repository holds, its files one by one, and parts of them."""
