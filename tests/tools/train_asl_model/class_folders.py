"""Class folders for the scripts to read."""


def make_folders(root, names, images=6):
    """Folders of files that say in their content where they come from; nothing here decodes them."""
    for name in names:
        (root / name).mkdir(parents=True)
        for number in range(images):
            (root / name / f"{name}{number}.jpg").write_text(f"{name}/{number}")
    return root
