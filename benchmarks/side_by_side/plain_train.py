"""An MLP on hand landmarks as a tutorial trains it: `python plain_train.py CACHE OUT EPOCHS`, Keras alone."""

import sys

import keras
import numpy as np
import pyarrow.parquet as pq

table = pq.read_table(sys.argv[1], columns=["landmarks", "label"])
points = np.stack(table["landmarks"].to_numpy()).reshape(-1, 21, 3)
classes, labels = np.unique(table["label"].to_numpy(), return_inverse=True)
points = points - points[:, :1]
points /= np.abs(points).max(axis=(1, 2), keepdims=True)
model = keras.Sequential(
    [
        keras.layers.Input((63,)),
        *[
            layer
            for units in (512, 256)
            for layer in (
                keras.layers.Dense(units),
                keras.layers.BatchNormalization(),
                keras.layers.ReLU(),
                keras.layers.Dropout(0.3),
            )
        ],
        keras.layers.Dense(len(classes), activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(points.reshape(-1, 63), labels, epochs=int(sys.argv[3]), batch_size=128, validation_split=0.2, verbose=0)
model.save(sys.argv[2])
