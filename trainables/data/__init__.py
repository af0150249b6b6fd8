"""Images: sources, splits, augmentation."""
