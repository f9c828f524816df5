import { openExercise } from "../parts/exercise.js";
import { defineWidget } from "../shared/widget.js";

export default defineWidget({ name: "Predict", cancellable: true, open: (inside) => openExercise(inside, { commit: "Commit" }) });
