package dev.bertport.bertkit

import android.content.Context

/** The kit's files among the app's assets. */
fun kitAssets(context: Context): KitFiles = { name -> context.assets.open("bertkit/$name") }
