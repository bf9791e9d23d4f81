/**
 * Show the films that boxes make in players, also in the interface that draws boxes as HTML (Comfy.VueNodes.Enabled).
 *
 * There a box without an input of type VIDEO, such as Pick take or Splice, shows "Image failed to load" instead.
 */
import { app } from "../../scripts/app.js";

const FILMS = ["VIDEO", "REACT1_MEDIA"];

app.registerExtension({
  name: "react1.filmPreviews",
  nodeCreated(node) {
    const box = node.constructor.nodeData;
    if (box?.name?.startsWith("react1_") && FILMS.includes(box.output?.[0])) node.previewMediaType = "video";
  },
});
