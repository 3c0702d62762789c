package run

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/telemetry"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/deploy/run/scrape"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker"
)

// exposed returns the names of what a coordinator and a worker tell Prometheus, with
// those of the series of histograms.
func exposed(t *testing.T) []string {
	t.Helper()
	var names []string
	add := func(r *prometheus.Registry) {
		families, err := r.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			names = append(names, f.GetName())
			if f.GetType().String() == "HISTOGRAM" {
				names = append(names, f.GetName()+"_bucket", f.GetName()+"_sum", f.GetName()+"_count")
			}
		}
	}
	leads := scrape.Registry()
	e := telemetry.NewPrometheus(leads).Events(coordinator.Events{})
	g, err := nn.Build(nn.ModelConfig{Name: "cnn", Input: nn.Shape{C: 1, H: 8, W: 8}, Classes: 3})
	if err != nil {
		t.Fatal(err)
	}
	e.Started(coordinator.Started{Run: "a"})
	e.Joined(coordinator.Member{Worker: "w"})
	e.Network(coordinator.Network{Model: nn.Init(g, 1)})
	for steps := range 3 {
		e.Step(trainer.StepRecord{Samples: 1}, coordinator.Pace{Wall: 1, Timing: coordinator.Timing{Steps: steps}})
	}
	e.Evaluated(trainer.EvalRecord{Split: "test"})
	e.Grew(growth.Record{Decision: "grow"}, trainer.GrownRecord{})
	add(leads)
	computes := scrape.Registry()
	newComputed(computes).take(worker.Stats{})
	add(computes)
	return names
}

const grafana = "../grafana"

// Every number that the dashboard asks for is told by a coordinator or a worker, and
// everything that they tell of a run is on it or named here.
func TestTheDashboardAsksForWhatIsThere(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(grafana, "dashboards", "tinygrow.json"))
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	names := exposed(t)
	word := regexp.MustCompile(`\b(tinygrow|go|process)_[a-z_]+`)
	asked := 0
	for _, p := range board.Panels {
		if len(p.Targets) == 0 {
			t.Errorf("panel %q asks nothing", p.Title)
		}
		for _, target := range p.Targets {
			found := word.FindAllString(target.Expr, -1)
			if asked += len(found); len(found) == 0 {
				t.Errorf("panel %q asks for nothing of ours: %s", p.Title, target.Expr)
			}
			for _, name := range found {
				if !slices.Contains(names, name) {
					t.Errorf("panel %q asks for %s, which nobody tells", p.Title, name)
				}
			}
		}
	}
	if asked < 20 {
		t.Errorf("the dashboard asks for %d numbers", asked)
	}
}

// What Compose mounts for Prometheus and Grafana can be read, and asks where the
// services answer.
func TestConfigurationOfWatching(t *testing.T) {
	read := func(name string, into any) {
		text, err := os.ReadFile(name)
		if err == nil {
			d := yaml.NewDecoder(bytes.NewReader(text))
			err = d.Decode(into)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	var scraping struct {
		Scrape []struct {
			Job string `yaml:"job_name"`
			DNS []struct {
				Names []string
				Port  int
			} `yaml:"dns_sd_configs"`
		} `yaml:"scrape_configs"`
	}
	read(filepath.Join(grafana, "prometheus.yml"), &scraping)
	var compose struct {
		Environment map[string]string `yaml:"x-environment"`
		Services    map[string]struct{ Profiles []string }
	}
	read("../../docker-compose.yml", &compose)
	for _, s := range scraping.Scrape {
		name := s.DNS[0].Names[0]
		if service, ok := compose.Services[name]; !ok || len(service.Profiles) > 0 {
			t.Errorf("Prometheus asks %s, which is no service that always runs", name)
		}
		if address := compose.Environment["TINYGROW_TELEMETRY_METRICS"]; s.DNS[0].Port != 9464 || !strings.HasSuffix(address, ":9464") {
			t.Errorf("Prometheus asks port %d of %s, which answers at %s", s.DNS[0].Port, name, address)
		}
	}
	for _, name := range []string{"prometheus", "grafana"} {
		if p := compose.Services[name].Profiles; !slices.Equal(p, []string{"watch"}) {
			t.Errorf("%s has the profiles %v", name, p)
		}
	}
	var sources struct {
		Datasources []struct{ UID, URL string }
	}
	read(filepath.Join(grafana, "provisioning", "datasources", "prometheus.yaml"), &sources)
	board, err := os.ReadFile(filepath.Join(grafana, "dashboards", "tinygrow.json"))
	if err != nil || len(sources.Datasources) != 1 || !bytes.Contains(board, []byte(`"uid": "`+sources.Datasources[0].UID+`"`)) {
		t.Errorf("the dashboard has another source than %+v: %v", sources, err)
	}
}

func TestWhereMetricsAre(t *testing.T) {
	for text, want := range map[string]string{"9464": "127.0.0.1:9464", ":9464": "127.0.0.1:9464", "0.0.0.0:1": "0.0.0.0:1", "[::1]:0": "[::1]:0",
		"": "", "here": "", "1.2.3.4": "", "a:b": "", "a:70000": "", "a:-1": "", "a:01": ""} {
		if got, err := scrape.Address(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v: want %q", text, got, err, want)
		}
	}
}

// A run that is asked while it goes on answers with its numbers.
func TestARunTellsPrometheus(t *testing.T) {
	s := Defaults()
	s.RunDir = filepath.Join(t.TempDir(), "run")
	s.Data.Limit, s.Train.Epochs, s.Train.Steps, s.Train.Batch, s.Model.Widths = 256, 0, 20, 32, []int{2, 2}
	s.Growth.Policy, s.Report, s.Telemetry.Metrics = "none", false, "127.0.0.1:0"
	s.Name()
	con := &listening{}
	r, err := Train(t.Context(), s, Start{Workers: 1}, con)
	if err != nil || !r.Done {
		t.Fatal(r, err)
	}
	for _, want := range []string{"tinygrow_train_loss ", "tinygrow_worker_blocks_total{worker=", "tinygrow_phase_seconds_bucket{phase=\"reduce\"", "go_goroutines "} {
		if !strings.Contains(con.page, want) {
			t.Errorf("it does not tell %s:\n%s", want, con.page)
		}
	}
	if answer, err := http.Get(con.url); err == nil {
		answer.Body.Close()
		t.Error("somebody answers behind the end of the run")
	}
}

// listening asks for the metrics in the middle of a run.
type listening struct {
	url, page string
}

func (l *listening) Line(format string, args ...any) {
	if strings.HasPrefix(format, "metrics for Prometheus") {
		l.url = args[0].(string)
	}
}

func (l *listening) Events() coordinator.Events {
	return coordinator.Events{Step: func(r trainer.StepRecord, _ coordinator.Pace) {
		if r.Step != 15 {
			return
		}
		answer, err := http.Get(l.url)
		if err != nil {
			return
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		l.page = string(text)
	}}
}

// MLflow is told of every setting that decides the result, and of no text of a network.
func TestParams(t *testing.T) {
	s := Defaults()
	s.Model.Text = "layers: {}"
	told := map[string]bool{}
	for _, p := range s.params() {
		told[p.Key] = true
	}
	for _, key := range config.Keys(&s) {
		if want := Decides(key) && key != "run" && key != "run_dir"; told[key] != want {
			t.Errorf("%s: told is %t", key, told[key])
		}
	}
	if !told["prune.policy"] || !told["sync.every"] || told["model.text"] {
		t.Errorf("%v", told)
	}
}
