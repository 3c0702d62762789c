package run

import (
	"math"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/coordinator/trainer/initial"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/growth/prune"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
	"github.com/tinygrow/tinygrow/worker/dataset"
	"github.com/tinygrow/tinygrow/worker/quota"
)

// Bounds that many keys share.
const (
	many = math.MaxInt32
	huge = 1e6
)

// Notes describe every key of Settings, in the order of config.Keys.
func Notes() []config.Note {
	var list []config.Note
	for _, n := range notes() {
		list = append(list, config.Note{Key: n.key, Does: n.does, Values: n.values})
	}
	return list
}

// note is one of Notes.
type note struct {
	key, does string
	values    config.Values
}

func notes() []note {
	any, part := config.Values{}, config.From(0).To(1)
	upTo := func(most float64) config.Values { return config.From(0).To(most) }
	whole := func(least float64) config.Values { return config.From(least).To(many) }
	activations := []string{string(nn.OpIdentity)}
	for _, op := range nn.Activations() {
		activations = append(activations, string(op))
	}
	oneOf, from, above, lasting := config.OneOf, config.From, config.Above, config.Lasting
	return []note{
		{"data.name", "Data set: `shapes` is drawn; the others are read from `data.dir`, by whose files the name is found if none " +
			"is given.", oneOf(dataset.Names...)},
		{"data.dir", "Directory of the data set's files.", any},
		{"data.table.target", "Columns of a table to tell; none: the last one.", any},
		{"data.table.task", "What the columns to tell are. `auto`: several are numbers, or labels if all are 0 and 1; " +
			"a single one is a class if it is text or of at most 20 different whole numbers, else a number.",
			oneOf("auto", string(nn.Classification), string(nn.Regression), string(nn.MultiLabel))},
		{"data.table.ignore", "Columns of a table that are no features, as identifiers.", any},
		{"data.limit", "Keep that many samples of each split, the classes in equal parts; 0 keeps all.", from(0)},
		{"data.memory_mb", "MiB in memory beyond which a data set is not read; 0: two thirds of the memory that is free.", upTo(1 << 24)},
		{"data.seed", "Seed of a data set that is drawn, and of which samples are for testing where no folder or file has them.", any},
		{"data.size", "Size that pictures of a folder become, `32` or columns x rows, `48x32`: covered, and cut at the centre. " +
			"None: the size of all, if they have one of at most 1024 a side, else 64.", any},
		{"data.test_part", "Part of a table's rows, or of each class's pictures, that are for testing where no file or folder has them; " +
			"0: there have to be some.", from(0).UpTo(1)},
		{"data.cache", "Directory for decoded pictures of folders; none: `tinygrow/pictures` below the user's cache directory; " +
			"`off`: they are not kept.", any},
		{"data.mirrors", "Addresses of directories with the files of published sets, in place of the public ones, for `tinygrow " +
			"data get`.", any},

		{"model.name", "Network that the run begins with, or the file that describes one: see `tinygrow model --help`.",
			oneOf(nn.Zoo...).OrFile(".yaml", ".yml")},
		{"model.input.c", "Channels of an image; 0: those of the data set.", any},
		{"model.input.h", "Rows of an image; 0: those of the data set.", any},
		{"model.input.w", "Columns of an image; 0: those of the data set.", any},
		{"model.classes", "Outputs; 0: the classes of the data set.", any},
		{"model.loss", "Loss; none: that of the task: `cross_entropy` for classes, `mse` for numbers, `binary_cross_entropy` for labels.",
			oneOf(string(nn.CrossEntropy), string(nn.MSE), string(nn.BinaryCrossEntropy))},
		{"model.label_smoothing", "Part of a training sample's target that is shared out over all classes; `mse` has none.",
			from(0).UpTo(1)},
		{"model.widths", "Neurons or channels of each hidden layer at the start; none: 64, 64 for `mlp`, 4, 4, 4, 4 for `cnn` and " +
			"32, 64, 128 for `vgg`. A layer may begin with 0, but not two in a row.", any},
		{"model.width", "Base width of residual networks; 0: 64 for `resnet18`, 16 for the others.", from(0)},
		{"model.widen", "Factor k of `wrn28`; 0: 10.", from(0)},
		{"model.empty_blocks", "Begin with residual blocks of inner width zero.", any},
		{"model.activation", "Activation of `mlp`, `cnn` and `vgg`; none: `relu`.", oneOf(activations...)},
		{"model.norm", "Normalisation behind each layer; none: `batch`, but `none` for `mlp`.", oneOf("batch", "none")},
		{"model.head", "What joins the last convolution of `cnn` and `vgg` to the linear layer; none: `average` for `cnn`, " +
			"`flatten` for `vgg`.", oneOf("average", "flatten")},
		{"model.stem", "First convolution of `resnet18`: 3x3, or 7x7 with a stride and a maximum; none: `cifar`.",
			oneOf("cifar", "imagenet")},
		{"model.units", "Widths of single layers by name, as `{conv1: 6}`, over those above.", any},
		{"model.parameters", "Parameters that the network's file declares, as `{width: 32}`.", any},
		{"model.text", "Text of the file that `model.name` names, which a run keeps; none: that file is read.", any},
		{"model.sha256", "Digest of `model.text`; none: it is computed.", any},

		{"train.epochs", "How often the training samples are gone through.", upTo(huge)},
		{"train.steps", "Updates to make; 0: `train.epochs` counts.", upTo(1 << 40)},
		{"train.max_flops", "End the run when so many floating point operations are spent on gradients and growth; schedules end " +
			"there too. 0: no budget.", upTo(1e30)},
		{"train.target_accuracy", "End the run when an evaluation is that good; 0: never.", part},
		{"train.batch", "Samples of an update.", from(1).To(1 << 20)},
		{"train.microshard", "Samples of a micro-shard, the atom of work. Part of the result: batch normalisation uses its " +
			"statistics.", from(1).To(1024)},
		{"train.from", "SHA-256 of the trained model that the run starts from, in hexadecimal; set by --from.", any},
		{"train.seed", "Seed of first weights, order of samples and augmentation.", any},
		{"train.init.rule", "First weights: `fan_in` by He's and Xavier's rules; `arch_aware` also by how many values are added up " +
			"where a layer's output goes, the last layer smaller.", oneOf(trainer.InitRules...)},
		{"train.init.learn", "Scale each tensor of the first weights before training, by gradients: `gradinit` so that a first step " +
			"lowers the loss, `nio` so that the gradients of two halves of a batch agree. For networks without normalisation.",
			oneOf(initial.Methods...)},
		{"train.init.iterations", "Updates of these scales, each by the gradients of two or three batches.", from(1).To(huge)},
		{"train.init.gamma", "Norm of the gradient above which it is made smaller first; 0: 1 by `gradinit`, 5 by `nio`.", upTo(1e30)},
		{"train.init.eta", "Length of the step that `gradinit` tries.", above(0).To(huge)},
		{"train.init.lr", "Learning rate of the scales.", above(0).To(1)},
		{"train.init.min_scale", "Smallest scale of a weight.", above(0).To(1)},
		{"train.update.rule", "Rule by which weights are updated: `backprop`, or `rec_lra`, an experiment: targets for each layer by " +
			"error synapses of their own, for chains and residual networks.", oneOf(trainer.UpdateRules...)},
		{"train.update.beta", "How far the targets of `rec_lra` move.", above(0).To(huge)},
		{"train.update.gamma", "How fast error synapses learn; 0: they stay as drawn.", upTo(huge)},
		{"train.update.synapses", "How they learn: by an update of their `own`, or by that of the weights which they `mirror`.",
			oneOf(trainer.Synapses...)},
		{"train.masks.until", "Part of the run that finds which connections count, by masks over weights that stay as drawn, before it " +
			"trains the weights of these; 0: none, 1: the masks alone. Needs `growth.policy: none`.", part},
		{"train.masks.lr", "Learning rate of the scores that masks follow from.", above(0).To(huge)},
		{"train.masks.temperature", "Temperature of the sigmoids behind masks at the first step.", above(0).To(huge)},
		{"train.masks.end_temperature", "Temperature when masks are found.", above(0).To(huge)},
		{"train.augment", "Move training images at random by up to a sixteenth of their side.", any},
		{"train.mirror", "With `train.augment`, mirror training images too. Turn it off where left and right tell classes apart.", any},
		{"train.alternate_mirror", "Show the two sides of an image by turns, the first drawn by lot.", any},
		{"train.test_flips", "Report also the accuracy by the mean of the outputs for a picture and its mirror image. Nothing is " +
			"decided by it.", any},
		{"train.grad_cosine", "Let each step tell the cosine of the gradients of the two halves of its batch and the gradient noise " +
			"scale. Nothing is decided by them; no reducer may join then.", any},
		{"train.cutout", "With `train.augment`, blank a square of a quarter of the shorter side.", any},
		{"train.mix.mixup", "With `train.augment`, mix each sample and its target with another by a share of Beta(a, a); a in " +
			"steps of 0.01, 0.2 is usual. 0: not. Growth reads samples unmixed.", upTo(2.5)},
		{"train.mix.cutmix", "Put a rectangle of another sample into each, of an area by Beta(a, a), and mix the targets by it; 1 " +
			"is usual. With `mixup` too one of both is drawn.", upTo(2.5)},
		{"train.color.brightness", "Draw a factor of 1 less or more so much for the brightness of training images.", part},
		{"train.color.contrast", "Likewise for the contrast.", part},
		{"train.color.saturation", "Likewise for the saturation.", part},
		{"train.color.hue", "Turn the hue by up to so much of a turn, either way.", upTo(0.5)},
		{"train.randaugment.ops", "Operations that are drawn for each training image, from 14; 2 is usual. 0: none.", upTo(7)},
		{"train.randaugment.magnitude", "How strong they are, of 30; 9 is usual.", upTo(30)},
		{"train.validation", "Hold out so many training samples: evaluations read these, and the test samples are read once, at " +
			"the end.", upTo(1 << 40)},
		{"train.wire", "Format in which gradients, and weights to compute them with, travel: `fp16` and `bf16` halve the bytes of a " +
			"step, `bf16` with the range of `fp32`. Part of the result: sums are rounded to it, here as in a cluster.",
			oneOf("fp32", "fp16", "bf16")},
		{"train.eval_epochs", "Epochs between two evaluations; 0: at the end only.", upTo(huge)},

		{"optim.name", "Update: `muon` makes those of convolutions orthogonal matrices and treats the rest as `sgd` does.",
			oneOf(optim.SGD, optim.AdamW, optim.Muon)},
		{"optim.lr", "Peak learning rate.", above(0).To(huge)},
		{"optim.weight_decay", "Decay of weights, as in PyTorch.", upTo(huge)},
		{"optim.decay_biases", "Let biases and normalisations decay too.", any},
		{"optim.norm_bias_factor", "Factor on the learning rate of what normalisations add.", upTo(huge)},
		{"optim.momentum", "Momentum of `sgd` and of what `muon` treats as `sgd` does.", from(0).UpTo(1)},
		{"optim.nesterov", "Nesterov's form of the momentum.", any},
		{"optim.beta1", "Decay of the mean of gradients, of `adamw`.", from(0).UpTo(1)},
		{"optim.beta2", "Decay of the mean of their squares, of `adamw`.", from(0).UpTo(1)},
		{"optim.eps", "What is added to its root, of `adamw`.", above(0).To(1)},
		{"optim.muon.factor", "Factor on the learning rate of convolutions.", above(0).To(huge)},
		{"optim.muon.momentum", "Momentum of convolutions, in Nesterov's form.", from(0).UpTo(1)},
		{"optim.births", "`variance_transfer` gives weights a rate by the growth event that they were born in: that of the oldest " +
			"of their layer times the ratio of their norms, 1 to 8. Not to convolutions of `muon`, whose rows all turn alike.",
			oneOf(optim.OneRate, optim.VarianceTransfer)},
		{"optim.arch.rule", "Let the learning rate of `sgd` follow the architecture, also as it grows: `path_sum` by the depths of " +
			"all ways through it, `min_path` by the shortest. For networks without normalisation.",
			oneOf(optim.ArchNone, optim.PathSum, optim.MinPath)},
		{"optim.arch.base_depth", "Depth of the network of one way for which `optim.lr` is the best rate.", above(0).To(huge)},
		{"optim.schedule", "Learning rate over the run: `trapezoid` holds it, then lets it fall in a straight line; `cosine` is " +
			"half a cosine; `step` multiplies it now and then; `one_cycle` is PyTorch's OneCycleLR.", oneOf(optim.Schedules...)},
		{"optim.step_epochs", "Epochs between the steps of `step`.", any},
		{"optim.step_factor", "Factor of each step of `step`.", any},
		{"optim.min_lr", "Learning rate at the end.", from(0)},
		{"optim.warmup", "Part of the run over which the learning rate rises.", part},
		{"optim.hold", "Part of the run up to which `trapezoid` holds the learning rate.", part},
		{"optim.average", "Part of the run at its end over which weights are averaged for evaluations and for the final model; 0: " +
			"not at all.", part},
		{"optim.clip_norm", "Longest norm of the mean gradient; a longer one is shortened. 0: any.", upTo(1e30)},

		{"growth.policy", "How it grows: `compute` follows a schedule of computation, `tiny` solves for the neurons and measures " +
			"their gain, `paper` is algorithm 1 of the TINY paper, `none` does not grow.", oneOf(growth.Policies()...)},
		{"growth.entry", "What enters by `compute`: random incoming weights, orthogonal ones, directions of the solver, or directions " +
			"and random ones made diverse, all with outgoing weights of zero; `solved`: the last with the solver's outgoing weights.",
			oneOf(growth.Entries...)},
		{"growth.every_steps", "When: steps from one growth event to the next.", whole(1)},
		{"growth.until", "When: part of the run in which the network may grow.", part},
		{"growth.widths", "How large: target widths by site, which is named by its first layer: `{conv1: 16}`; heads by their attention: " +
			"`{block.0.attention: 8}`.", any},
		{"growth.max_width", "How large: width beyond which no site grows; 0: none.", whole(0)},
		{"growth.max_params", "How large: parameters beyond which the network does not grow; 0: none.", whole(0)},
		{"growth.max_flops", "How large: FLOPs of a sample's forward pass beyond which the network does not grow; 0: by `compute`, " +
			"those that the run trains best.", from(0)},
		{"growth.max_neurons", "How large: most neurons that a site gains in an event.", from(1).To(1 << 16)},
		{"growth.samples", "How sure: training samples of an event for its statistics, and as many for amplitudes and the gate, half " +
			"as many for signs and sizes of new neurons.", from(1).To(growth.MaxSamples)},
		{"growth.riding", "How sure: part of the training steps that take statistics along as evidence for the next event; 0: none, " +
			"else at least 0.0001.", part},
		{"growth.gate", "How sure: grow only where it is worth it: a gain that is measured beats its error and pays for parameters and " +
			"computation, 4 samples are left to train each parameter, and 8 events in a row in which nothing grew end growth.", any},
		{"growth.depth_every", "Depth: append a residual block every so many events; 0: never.", whole(0)},
		{"growth.hypergrad.terms", "By `hypergrad`: power of the last term of the Neumann series in place of an inverse Hessian; each is " +
			"a round of the event. 0: the weights' step as it is.", from(0).To(64)},
		{"growth.hypergrad.step", "By `hypergrad`: size of the step of the weights that a candidate is judged behind; 0: the learning " +
			"rate at the event.", upTo(huge)},
		{"growth.hypergrad.r", "By `hypergrad`: how far weights are moved for finite differences, as a Euclidean distance.",
			above(0).To(huge)},

		{"prune.policy", "Whether neurons go again: by `magnitude` those with the smallest weights, by `dnal` those whose gates close " +
			"while they learn; `none`: none.", oneOf(prune.Policies...)},
		{"prune.keep", "Part of the network that stays, as `prune.of` says. 0, of `dnal`: gates above 0.9 stay, and `prune.lambda` " +
			"decides how many these are.", part},
		{"prune.of", "What `prune.keep` is a part of: the FLOPs of a sample, or the parameters.", oneOf(prune.Measures...)},
		{"prune.at", "Part of the run at which it begins. The network grows again behind it up to `growth.until`.", above(0).UpTo(1)},
		{"prune.every", "Part of the run after which it begins again; 0: once is all.", from(0).UpTo(1)},
		{"prune.gates", "Part of the run in which gates learn, by `dnal`, and weights rest; then closed ones are cut.", above(0).UpTo(1)},
		{"prune.lr", "Learning rate of the gates, by plain SGD.", above(0).To(huge)},
		{"prune.lambda", "Price of an open gate in the loss.", upTo(huge)},
		{"prune.delta", "Factor on the scores of gates at the end, to which it grows from 1.", from(1).To(1e9)},

		{"sync.every", "Steps that each replica takes on its own before their mean change makes an outer step (DiLoCo); 1: gradients are " +
			"added up in each step, and there are no replicas.", from(1).To(proto.MaxLocalSteps)},
		{"sync.replicas", "Equal parts that each batch is cut into, one for each replica; so many workers can be of use. 0 with " +
			"`sync.every` 1.", upTo(proto.MaxReplicas)},
		{"sync.outer_lr", "Learning rate of the outer step.", above(0).To(100)},
		{"sync.outer_momentum", "Momentum of the outer step, in Nesterov's form; 0 with `sync.outer_lr` 1: the mean of the replicas " +
			"as it is.", from(0).UpTo(1)},

		{"cluster.min_workers", "Workers below which the run stands still.", from(1).To(1 << 16)},
		{"cluster.max_workers", "Workers above which no more are admitted.", from(1).To(1 << 16)},
		{"cluster.ids_per_key", "Workers that may join with one key of the NATS server.", from(1).To(1 << 16)},
		{"cluster.reducers", "Ranges that the parameters are cut into at most, each owned by one of the `tinygrow reducer` that join; " +
			"0: none may join, and the coordinator owns all.", from(0).To(proto.MaxShares)},
		{"cluster.lost_after", "Silence after which a worker or reducer is given up.", lasting(100*time.Millisecond, time.Hour)},
		{"cluster.overdue", "How many times the usual duration a block may take, on top of `cluster.grace`, before an idle worker " +
			"gets a copy.", from(1).To(1000)},
		{"cluster.grace", "See `cluster.overdue`; above 0.", lasting(time.Nanosecond, time.Hour)},
		{"cluster.audit", "Part of the blocks that two workers compute, to find one that computes wrongly.", part},
		{"cluster.stop_grace", "How long a run that is told to stop waits for the end of the step at hand.", lasting(0, 0)},
		{"cluster.log", "Whether commits go to a log on the NATS server, from which a standby takes over; `auto`: if the server " +
			"has JetStream.", oneOf(coordinator.LogAuto, coordinator.LogOn, coordinator.LogOff)},
		{"cluster.lease", "Silence after which a standby takes over from a coordinator.", lasting(500*time.Millisecond, time.Hour)},
		{"cluster.replicas", "NATS servers on which the log lies.", from(1).To(5)},

		{"checkpoint.every", "Longest time that a step waits for a checkpoint.", lasting(time.Nanosecond, 0)},
		{"checkpoint.every_steps", "Write a checkpoint after so many steps too; 0: not.", any},
		{"checkpoint.keep", "Checkpoints that stay.", from(1)},

		{"callbacks.early_stopping.monitor", "What ends a run that no longer gets better: `val_` of samples held out, `test_` of " +
			"test samples, else of training samples; none: it does not end early.", oneOf(trainer.Monitors...)},
		{"callbacks.early_stopping.min_delta", "By how much a value has to be better than the best to count.", from(0)},
		{"callbacks.early_stopping.patience", "Evaluations in a row that may be no better; 0: the first ends it.", upTo(1 << 30)},
		{"callbacks.early_stopping.mode", "Which is better; `auto`: by the name of what is monitored.", oneOf("auto", "max", "min")},
		{"callbacks.early_stopping.baseline", "Value that has to be passed as well; 0: none.", any},
		{"callbacks.early_stopping.start_from_epoch", "Epoch up to whose end nothing is looked at.", from(0)},
		{"callbacks.early_stopping.restore_best_weights", "End the run with the network of the best evaluation: its weights and " +
			"widths.", any},
		{"callbacks.early_stopping.while_growing", "Count evaluations while growth events are still to come.", any},
		{"callbacks.model_checkpoint.monitor", "What says which network is the best; none: that of `callbacks.early_stopping`.",
			oneOf(trainer.Monitors...)},
		{"callbacks.model_checkpoint.mode", "Which is better; `auto`: by the name of what is monitored.", oneOf("auto", "max", "min")},
		{"callbacks.model_checkpoint.save_best_only", "Keep the best network beside the newest, in every checkpoint.", any},
		{"callbacks.hooks", "Commands and addresses that are told of events, each `{events: [growth], command: [program, " +
			"argument], timeout: 10s}` or with a `url` in place of the command; the events are start, growth, evaluation and end.", any},

		{"run", "Id of the run; none: the name of its directory.", any},
		{"run_dir", "Directory of the run; none: a new one below runs.", any},
		{"workers", "Workers that train and resume start in their own process.", from(1).To(1024)},
		{"pause_at", "Part of the run, from 0 to 1, behind which the process ends in order, as if it was interrupted; `tinygrow resume` " +
			"goes on from there. 0 or 1: it goes on to the end.", part},
		{"nats.url", "NATS server, as `nats://host:4222`, several separated by commas.", any},
		{"nats.url_file", "File that holds `nats.url`, which may hold a password.", any},
		{"nats.creds", "File with the nkey seed of this role.", any},
		{"nats.ca", "File with the certificate authority of the server.", any},
		{"nats.listen", "host:port on loopback where train and resume start a server for more workers of this machine.", any},
		{"worker.run", "Run that a worker joins.", any},
		{"worker.id", "Name of a worker; none: host and a random part.", any},
		{"worker.host", "Name of the machine, whose processors its workers share; none: the system's.", any},
		{"worker.threads", "Micro-shards that a worker computes at once; 0: all processors, shared out.", upTo(quota.MaxThreads)},
		{"worker.combine", "Let `tinygrow worker` be one with those of the same host, run, key and data that say so too: the first " +
			"computes with the threads of all, so that the host sends one sum and gets one copy of the weights, and the others " +
			"stand by to take over. They meet in `fetch.dir`, and count as one for `cluster.min_workers` and audits.", any},
		{"worker.patience", "How long weights may stand still on their way before the worker asks again; 0s: 100ms.", lasting(0, 0)},
		{"worker.answer", "Longest wait for an answer of the coordinator; 0s: 10s.", lasting(0, 0)},
		{"worker.retry", "Pause after a request without an answer; 0s: 200ms.", lasting(0, 0)},
		{"worker.grace", "How long a worker that is told to stop may go on with its block; 0s: 5s.", lasting(0, 0)},
		{"worker.stand_in", "For measuring clusters: workers compute nothing, wait so long for each micro-shard of a thread and send " +
			"sums recorded once; nothing is trained. 0s: they compute.", lasting(0, 0)},
		{"fetch.dir", "Where fetched data sets are kept; none: tinygrow/data below the user's cache directory.", any},
		{"fetch.limit_mb", "MiB on disk beyond which a data set is not fetched.", from(1).To(1 << 24)},
		{"health", "File for signs of life, for `tinygrow health`; none: not written.", any},
		{"ui.listen", "host:port of the pages of the run, or `off`; none: 127.0.0.1:7070 or a free port on a terminal, else off.", any},
		{"ui.token_file", "File with the token that who looks at the pages must have; none: a new one, and none needed on " +
			"loopback.", any},
		{"report", "Write report.html and assessment.json at the end of a run.", any},
		{"telemetry.tensorboard", "Write event files for TensorBoard into the folder tensorboard of the run directory.", any},
		{"telemetry.metrics", "host:port at which Prometheus gets numbers, or a port of this machine alone, as 9464; none: " +
			"nowhere.", any},
		{"telemetry.mlflow", "MLflow tracking server that is told of the run, as `http://127.0.0.1:5000`; none: none is.", any},
		{"telemetry.traces", "OpenTelemetry collector that gets spans by OTLP over HTTP, as `http://127.0.0.1:4318`; none: none " +
			"does.", any},
	}
}
