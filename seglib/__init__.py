"""The networks, measuring tools and widgets of the book *Every Pixel*."""
