// Package telemetry tells other programs how a run goes: TensorBoard by event files
// in the run directory, Prometheus by numbers that it asks for, an MLflow server by its
// REST interface, and an OpenTelemetry collector by OTLP over HTTP. W&B imports the event
// files (wandb sync RUN/tensorboard).
//
// It listens to the events of a coordinator, decides nothing and changes no bit of a
// run; where it cannot write or nobody listens, the run goes on. What waits for others
// is bounded: the rest is dropped, counted and told at the end.
package telemetry
