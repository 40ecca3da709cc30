"""A knowledge platform on Kailash's SDKs: documents in, questions answered with passages and the graph's neighbours."""
