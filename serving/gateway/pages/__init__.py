"""What people open in a browser: the page that tries the model, the API's documentation, and nothing from elsewhere."""
