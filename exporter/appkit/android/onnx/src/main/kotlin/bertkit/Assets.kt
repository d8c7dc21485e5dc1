package dev.bertport.bertkit

import android.content.Context
import java.io.File

/**
 * The kit's files among the app's assets. The model is copied to the device's storage once for each export, where ONNX
 * Runtime opens it by its path: its bytes never lie in the heap of the app.
 */
fun kitAssets(context: Context): KitFiles =
    CopiedFiles({ context.assets.open("bertkit/$it") }, File(context.noBackupFilesDir, "bertkit"))
