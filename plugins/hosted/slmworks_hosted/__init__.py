"""slmworks runtime for hosted models: any server with the routes of OpenAI's API."""
