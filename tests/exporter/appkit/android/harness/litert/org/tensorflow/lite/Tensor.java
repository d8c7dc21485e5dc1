// Of the stand-in for LiteRT: see Interpreter.java.
package org.tensorflow.lite;

import java.nio.ByteBuffer;

public interface Tensor {
    DataType dataType();

    int index();

    /** In the machine's byte order. */
    ByteBuffer asReadOnlyBuffer();
}
