// A stand-in for LiteRT's class, whose native half exists for Android alone: its calls as far as a kit makes them, with
// the checks that LiteRT's own Java makes of them, answered by LiteRT's interpreter for Python in a process of its own.
// BERTPORT_INTERPRETER is the command that starts it (interpreter.py), a word a line.
//
// What LiteRT leaves to its caller is an error here: two calls at once, and closing during a call.
package org.tensorflow.lite;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.MappedByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

public final class Interpreter implements AutoCloseable {
    public static class Options {
        private int threads = -1;

        public Options setNumThreads(int threads) {
            this.threads = threads;
            return this;
        }
    }

    private final AtomicBoolean isBusy = new AtomicBoolean();
    private Process process;
    private JSONObject signatures;
    private JSONArray inputs;
    private JSONObject outputs;

    public Interpreter(ByteBuffer content, Options options) {
        boolean isDirect = content.isDirect() && content.order() == ByteOrder.nativeOrder();
        require(content instanceof MappedByteBuffer || isDirect, "a model neither memory-mapped nor direct in native order");
        alone(() -> {
            Path file = Files.createTempFile("model", ".tflite");
            byte[] bytes = new byte[content.capacity()];
            content.duplicate().rewind().get(bytes);
            Files.write(file, bytes);
            process = new ProcessBuilder(System.getenv("BERTPORT_INTERPRETER").split("\n"))
                .redirectError(ProcessBuilder.Redirect.INHERIT).start();
            JSONObject found = ask(new JSONObject().put("model", file.toString()).put("threads", options.threads));
            Files.delete(file);
            signatures = found.getJSONObject("signatures");
            inputs = found.getJSONArray("inputs");
            return null;
        });
    }

    public int getInputTensorCount() {
        return alone(() -> inputs.length());
    }

    public Tensor getInputTensor(int input) {
        return alone(() -> new Found(inputs.getInt(input), null, null));
    }

    public Tensor getInputTensorFromSignature(String name, String signature) {
        return alone(() -> new Found(signature(signature).getJSONObject("inputs").getInt(name), null, null));
    }

    /** As the last run left it. */
    public Tensor getOutputTensorFromSignature(String name, String signature) {
        return alone(() -> {
            int index = signature(signature).getJSONObject("outputs").getInt(name);
            JSONObject found = outputs.getJSONObject(name);
            ByteBuffer values = ByteBuffer.wrap(Base64.getDecoder().decode(found.getString("values")));
            return new Found(index, DataType.valueOf(found.getString("type")), values.order(ByteOrder.nativeOrder()));
        });
    }

    public void resizeInput(int input, int[] shape, boolean strict) {
        alone(() -> ask(new JSONObject().put("resize", input).put("shape", new JSONArray(shape)).put("strict", strict)));
    }

    /** `filled` must be empty: a kit reads the tensors. */
    public void runSignature(Map<String, Object> given, Map<String, Object> filled, String signature) {
        require(filled.isEmpty(), "outputs to fill, which this stand-in does not");
        alone(() -> {
            JSONObject values = new JSONObject();
            for (Map.Entry<String, Object> one : given.entrySet()) {
                IntBuffer numbers = (IntBuffer) one.getValue();
                JSONArray list = new JSONArray();
                for (int at = 0; at < numbers.capacity(); at++) list.put(numbers.get(at));
                values.put(one.getKey(), list);
            }
            signature(signature);
            return outputs = ask(new JSONObject().put("run", signature).put("inputs", values));
        });
    }

    @Override
    public void close() {
        if (!isBusy.compareAndSet(false, true)) throw new AssertionError("closed during a call");
        if (process != null) process.destroy();
        process = null;
        isBusy.set(false);
    }

    private record Found(int index, DataType dataType, ByteBuffer asReadOnlyBuffer) implements Tensor {}

    private interface Call<T> {
        T call() throws IOException, JSONException;
    }

    /** What org.json does not find is a name that LiteRT does not know. */
    private <T> T alone(Call<T> call) {
        if (!isBusy.compareAndSet(false, true)) throw new AssertionError("two calls at once");
        try {
            if (signatures != null && process == null) throw new IllegalStateException("already closed");
            return call.call();
        } catch (IOException error) {
            throw new AssertionError(error);
        } catch (JSONException error) {
            throw new IllegalArgumentException(error.getMessage());
        } finally {
            isBusy.set(false);
        }
    }

    private JSONObject signature(String name) throws JSONException {
        require(name != null || signatures.length() == 1, "no signature named, of " + signatures.length());
        return signatures.getJSONObject(name == null ? signatures.keys().next() : name);
    }

    private JSONObject ask(JSONObject question) throws IOException, JSONException {
        BufferedWriter writer = process.outputWriter();
        writer.write(question + "\n");
        writer.flush();
        JSONObject answer = new JSONObject(process.inputReader().readLine());
        require(!answer.has("error"), answer.optString("error"));
        return answer;
    }

    private static void require(boolean isSo, String otherwise) {
        if (!isSo) throw new IllegalArgumentException(otherwise);
    }
}
