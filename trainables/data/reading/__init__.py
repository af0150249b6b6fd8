"""From files to pixels: listing a folder, decoding an image, fitting it into a square."""
