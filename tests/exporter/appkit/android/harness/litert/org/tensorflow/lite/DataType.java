// Of the stand-in for LiteRT: see Interpreter.java.
package org.tensorflow.lite;

public enum DataType {
    FLOAT32,
    INT32,
    INT64
}
